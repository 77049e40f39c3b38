"""Statistics: declared sums over people of bounded integer vectors, and the one encoder for them.

``declaration`` says what is summed, ``standard`` has the statistics that homespun knows, ``histories`` is what is
encoded, ``encoding`` does it: the same code on a device and over a table. Everything rounds towards zero on a grid
of 2⁻¹³ (``grid``), so that the bound on what a person adds holds exactly; the privacy claim stands on that.
"""
