/* SPDX-License-Identifier: BSD-3-Clause */
// Object identifiers (NDIS OIDs) that guests ask for.
#pragma once

#include <stdint.h>

#define OID_GEN_SUPPORTED_LIST                0x00010101u
#define OID_GEN_HARDWARE_STATUS               0x00010102u
#define OID_GEN_MEDIA_SUPPORTED               0x00010103u
#define OID_GEN_MEDIA_IN_USE                  0x00010104u
#define OID_GEN_MAXIMUM_LOOKAHEAD             0x00010105u
#define OID_GEN_MAXIMUM_FRAME_SIZE            0x00010106u
#define OID_GEN_LINK_SPEED                    0x00010107u
#define OID_GEN_TRANSMIT_BUFFER_SPACE         0x00010108u
#define OID_GEN_RECEIVE_BUFFER_SPACE          0x00010109u
#define OID_GEN_TRANSMIT_BLOCK_SIZE           0x0001010au
#define OID_GEN_RECEIVE_BLOCK_SIZE            0x0001010bu
#define OID_GEN_VENDOR_ID                     0x0001010cu
#define OID_GEN_VENDOR_DESCRIPTION            0x0001010du
#define OID_GEN_CURRENT_PACKET_FILTER         0x0001010eu
#define OID_GEN_CURRENT_LOOKAHEAD             0x0001010fu
#define OID_GEN_DRIVER_VERSION                0x00010110u
#define OID_GEN_MAXIMUM_TOTAL_SIZE            0x00010111u
#define OID_GEN_PROTOCOL_OPTIONS              0x00010112u
#define OID_GEN_MAC_OPTIONS                   0x00010113u
#define OID_GEN_MEDIA_CONNECT_STATUS          0x00010114u
#define OID_GEN_MAXIMUM_SEND_PACKETS          0x00010115u
#define OID_GEN_VENDOR_DRIVER_VERSION         0x00010116u
#define OID_GEN_NETWORK_LAYER_ADDRESSES       0x00010118u
#define OID_GEN_TRANSPORT_HEADER_OFFSET       0x00010119u
#define OID_GEN_PHYSICAL_MEDIUM               0x00010202u
#define OID_GEN_RECEIVE_SCALE_CAPABILITIES    0x00010203u
#define OID_GEN_RECEIVE_SCALE_PARAMETERS      0x00010204u
#define OID_GEN_FRIENDLY_NAME                 0x00020216u
#define OID_GEN_RNDIS_CONFIG_PARAMETER        0x0001021bu
#define OID_GEN_XMIT_OK                       0x00020101u
#define OID_GEN_RCV_OK                        0x00020102u
#define OID_GEN_XMIT_ERROR                    0x00020103u
#define OID_GEN_RCV_ERROR                     0x00020104u
#define OID_GEN_RCV_NO_BUFFER                 0x00020105u
#define OID_GEN_STATISTICS                    0x00020106u
#define OID_802_3_PERMANENT_ADDRESS           0x01010101u
#define OID_802_3_CURRENT_ADDRESS             0x01010102u
#define OID_802_3_MULTICAST_LIST              0x01010103u
#define OID_802_3_MAXIMUM_LIST_SIZE           0x01010104u
#define OID_802_3_MAC_OPTIONS                 0x01010105u
#define OID_802_3_RCV_ERROR_ALIGNMENT         0x01020101u
#define OID_802_3_XMIT_ONE_COLLISION          0x01020102u
#define OID_802_3_XMIT_MORE_COLLISIONS        0x01020103u
#define OID_PNP_CAPABILITIES                  0xfd010100u
#define OID_PNP_SET_POWER                     0xfd010101u
#define OID_PNP_QUERY_POWER                   0xfd010102u
#define OID_TCP_OFFLOAD_PARAMETERS            0xfc01020cu
#define OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES 0xfc01020du
#define OID_OFFLOAD_ENCAPSULATION             0x0101010au

#define NDIS_PACKET_TYPE_DIRECTED      0x01u
#define NDIS_PACKET_TYPE_MULTICAST     0x02u
#define NDIS_PACKET_TYPE_ALL_MULTICAST 0x04u
#define NDIS_PACKET_TYPE_BROADCAST     0x08u
#define NDIS_PACKET_TYPE_PROMISCUOUS   0x20u

// The name of an OID, or NULL.
const char *oid_name(uint32_t oid);
