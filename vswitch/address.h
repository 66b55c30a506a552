/* SPDX-License-Identifier: BSD-3-Clause */
// How MAC and PCI addresses are written. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MAC_TEXT_SIZE 18
#define PCI_TEXT_SIZE 16

// "aa:bb:cc:dd:ee:ff" or with '-'. 0 or -EINVAL.
int mac_parse(const char *text, uint8_t mac[6]);
void mac_format(const uint8_t mac[6], char text[MAC_TEXT_SIZE]);
bool mac_is_zero(const uint8_t mac[6]);

// "0000:03:00.0" or "3:0.0", written out in full. 0 or -EINVAL.
int pci_parse(const char *text, char full[PCI_TEXT_SIZE]);
