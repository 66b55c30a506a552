/* SPDX-License-Identifier: BSD-3-Clause */
// What the guest finds by asking: the bus, a serial port, a clock, and how to power off.
// The numbers are those of layout.h; a test holds the two together.
DefinitionBlock ("", "DSDT", 2, "VSWTCH", "HVHOST", 1)
{
	Name (_S5, Package () { 5, 0, 0, 0 })

	Scope (_SB)
	{
		// Hyper-V's module device: memory windows that the bus may give to its devices.
		Device (VMOD)
		{
			Name (_HID, "ACPI0004")
			Name (_UID, Zero)
			Name (_CRS, ResourceTemplate ()
			{
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite, 0, 0xf8000000, 0xfebfffff, 0,
					0x06c00000)
			})

			Device (VMBS)
			{
				Name (_HID, "VMBUS")
				Name (_UID, Zero)
				Name (_DDN, "VMBUS")
				Name (_STA, 0x0f)
				Name (_CRS, ResourceTemplate () { })
			}
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, One)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03f8, 0x03f8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
			})
		}
	}
}
