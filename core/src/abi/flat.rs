//! Flat values: the raw bits of core values, one 64-bit slot each, zero
//! extended. With raw bits the joins of variant payloads (Canonical ABI,
//! "Flattening") cost nothing.

/// Writes flat values in order.
#[derive(Debug)]
pub struct FlatWriter<'a> {
    slots: &'a mut [u64],
    next: usize,
}

impl<'a> FlatWriter<'a> {
    /// Writes to `slots` from the first.
    pub fn new(slots: &'a mut [u64]) -> Self {
        FlatWriter { slots, next: 0 }
    }

    /// Writes one value.
    #[inline]
    pub fn write(&mut self, bits: u64) {
        self.slots[self.next] = bits;
        self.next += 1;
    }

    /// Writes zeros until `end` values are written.
    #[inline]
    pub fn pad_to(&mut self, end: usize) {
        while self.next < end {
            self.write(0);
        }
    }

    /// How many values are written.
    #[inline]
    pub fn written(&self) -> usize {
        self.next
    }
}

/// Reads flat values in order.
#[derive(Debug)]
pub struct FlatReader<'a> {
    slots: &'a [u64],
    next: usize,
}

impl<'a> FlatReader<'a> {
    /// Reads from the first of `slots`.
    pub fn new(slots: &'a [u64]) -> Self {
        FlatReader { slots, next: 0 }
    }

    /// Reads one value's raw bits.
    #[inline]
    pub fn read(&mut self) -> u64 {
        let bits = self.slots[self.next];
        self.next += 1;
        bits
    }

    /// Reads one value and wraps it to 32 bits.
    #[inline]
    pub fn read_u32(&mut self) -> u32 {
        self.read() as u32
    }

    /// Skips values until `end` are read.
    #[inline]
    pub fn skip_to(&mut self, end: usize) {
        self.next = end;
    }

    /// How many values are read.
    #[inline]
    pub fn position(&self) -> usize {
        self.next
    }
}
