//! The host's side of the counter: the arithmetic of slices. What runs out, and
//! when the host is asked, is here; what it does then is not.

/// The most fuel, which is also the most that an operator is charged: the copy
/// is not far above zero when it is checked, and cannot overflow.
pub(crate) const MOST: i64 = 1 << 62;

/// What the host knows of the counter of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauge {
    /// The counter and this are Wasmtime's count: minus the fuel that is left. It
    /// is zero if the slice that is in use is the last one, and negative before.
    shift: i64,
}

impl Gauge {
    /// Begins with this much fuel, of which `slice` is used before
    /// [`SLOW`](super::SLOW) is called. The second result is for the counter.
    ///
    /// Fuel above 2^62 is as much as that: nobody can use it up, but by one
    /// operator that is charged for a length that no memory has.
    pub(crate) fn new(fuel: u64, slice: u64) -> (Self, i64) {
        let count = -i64::try_from(fuel).unwrap_or(MOST).min(MOST);
        let gauge = Gauge {
            shift: end(count, slice),
        };
        (gauge, count - gauge.shift)
    }

    /// The fuel that is left, by the counter or by the copy that
    /// [`SLOW`](super::SLOW) gets. What was used beyond the last check is not
    /// owed.
    pub(crate) fn left(self, counter: i64) -> u64 {
        counter.saturating_add(self.shift).min(0).unsigned_abs()
    }

    /// Whether a check fails that found this copy: then the copy is stored to the
    /// counter, and the guest stops.
    pub(crate) fn is_exhausted(self, copy: i64) -> bool {
        copy >= -self.shift
    }

    /// Goes on to another slice, after a check that found this copy and did not
    /// fail: what the copy and the counter are then.
    pub(crate) fn next(&mut self, slice: u64, copy: i64, counter: i64) -> (i64, i64) {
        let shift = end(copy + self.shift, slice);
        let rise = shift - self.shift;
        self.shift = shift;
        (copy - rise, counter - rise)
    }
}

/// Where a slice ends that begins at a count. It is not empty.
fn end(count: i64, slice: u64) -> i64 {
    let slice = i64::try_from(slice.max(1)).unwrap_or(i64::MAX);
    count.saturating_add(slice).min(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_do_not_change_what_is_left() {
        let (mut gauge, mut counter) = Gauge::new(25, 10);
        assert_eq!((counter, gauge.left(counter)), (-10, 25));
        // A function has used 12 and has not written it back.
        let copy = counter + 12;
        assert!(!gauge.is_exhausted(copy));
        let (copy, now) = {
            let (copy, now) = gauge.next(10, copy, counter);
            counter = now;
            (copy, now)
        };
        assert_eq!((copy, gauge.left(copy)), (-10, 13));
        assert_eq!((now, gauge.left(counter)), (-22, 25));
        // The last slice.
        assert!(!gauge.is_exhausted(copy + 12));
        let (copy, counter) = gauge.next(10, copy + 12, counter);
        assert_eq!((copy, gauge.left(copy), gauge.left(counter)), (-1, 1, 25));
        assert!(!gauge.is_exhausted(-1));
        assert!(gauge.is_exhausted(0));
        assert_eq!(gauge.left(3), 0);
    }

    #[test]
    fn the_greatest_fuel_does_not_overflow() {
        let (mut gauge, counter) = Gauge::new(u64::MAX, 1);
        assert_eq!(gauge.left(counter), 1 << 62);
        let (copy, counter) = gauge.next(u64::MAX, counter + 1, counter);
        assert_eq!(gauge.left(copy), (1 << 62) - 1);
        assert_eq!(gauge.left(counter), 1 << 62);
        assert!(gauge.is_exhausted(copy + MOST));
        // The same where a slice was overrun before.
        let (gauge, counter) = Gauge::new(u64::MAX, 1);
        assert!(gauge.is_exhausted(counter + 1_000 + MOST));
    }
}
