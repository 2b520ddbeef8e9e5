//! From places in a metered module to those in the module as it was: what engines
//! say of frames is about the one, what users have is the other.

/// From offsets and functions of a metered module to the original's.
#[derive(Debug, Default)]
pub(crate) struct OffsetMap {
    bodies: Vec<Body>,
    /// The points of all bodies, each as two numbers: see [`Points::add`].
    points: Vec<u8>,
    imported_funcs: u32,
    funcs: u32,
}

/// Where a function body is. Only what the pass was given is here.
#[derive(Debug)]
struct Body {
    /// In the metered module.
    start: u32,
    end: u32,
    /// In the original.
    original: u32,
    /// Where its points are.
    points: u32,
}

/// Where the distance between a body and its original changes.
#[derive(Debug, Default)]
pub(super) struct Points {
    bytes: Vec<u8>,
    /// The last point.
    metered: u32,
    distance: i64,
}

impl Points {
    /// Says that the operator at one offset in the metered body was at another in
    /// the original one. The first operator always has a point. `back` says that
    /// this one is the pass's, and that all before it are operators of the original.
    pub(super) fn add(&mut self, metered: usize, original: usize, back: bool) {
        let distance = metered as i64 - original as i64;
        if distance == self.distance && !self.bytes.is_empty() {
            return;
        }
        let metered = metered as u32;
        number(u64::from(metered - self.metered), &mut self.bytes);
        let change = distance - self.distance;
        let change = ((change << 1) ^ (change >> 63)) as u64;
        number(change << 1 | u64::from(back), &mut self.bytes);
        (self.metered, self.distance) = (metered, distance);
    }
}

/// Writes a number in groups of seven bits.
fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_number(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = *bytes.next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

impl OffsetMap {
    pub(super) fn new(imported_funcs: u32, funcs: u32) -> Self {
        OffsetMap {
            imported_funcs,
            funcs,
            ..OffsetMap::default()
        }
    }

    /// Adds a body, of which `range` is relative to where the bodies begin.
    pub(super) fn add(&mut self, range: std::ops::Range<usize>, original: usize, points: &Points) {
        self.bodies.push(Body {
            start: range.start as u32,
            end: range.end as u32,
            original: original as u32,
            points: self.points.len() as u32,
        });
        self.points.extend_from_slice(&points.bytes);
    }

    /// Says where the bodies begin.
    pub(super) fn finish(&mut self, offset: usize) {
        for body in &mut self.bodies {
            body.start += offset as u32;
            body.end += offset as u32;
        }
        self.bodies.shrink_to_fit();
        self.points.shrink_to_fit();
    }

    /// What was at an offset: the operator that is there, or that follows what
    /// the pass has put there. `None` outside of the module's own functions.
    pub(crate) fn offset(&self, offset: usize) -> Option<usize> {
        let offset = u32::try_from(offset).ok()?;
        let after = self.bodies.partition_point(|body| body.start <= offset);
        let at = after.checked_sub(1)?;
        let body = &self.bodies[at];
        if offset >= body.end {
            return None;
        }
        let end = match self.bodies.get(after) {
            Some(next) => next.points as usize,
            None => self.points.len(),
        };
        let mut points = self.points[body.points as usize..end].iter();
        let wanted = i64::from(offset - body.start);
        let (mut metered, mut distance) = (0, 0);
        // Where the point's operator was.
        let mut begins = 0;
        let mut original = None;
        while let Some(step) = read_number(&mut points) {
            let change = read_number(&mut points)?;
            metered += step as i64;
            let back = change & 1 != 0;
            let change = change >> 1;
            let next = distance + ((change >> 1) as i64 ^ -((change & 1) as i64));
            if metered > wanted {
                // Between the points: what the pass has put there ends here, unless
                // it leads back to where something else was.
                let here = original.map_or(i64::MAX, |distance| wanted - distance);
                let leads_to = metered - next;
                if !back && leads_to >= begins {
                    original = Some(wanted - here.min(leads_to));
                }
                break;
            }
            distance = next;
            begins = metered - distance;
            original = Some(distance);
        }
        usize::try_from(i64::from(body.original) + wanted - original?).ok()
    }

    /// What a function's index was; `None` for those of the pass.
    pub(crate) fn function(&self, index: u32) -> Option<u32> {
        let original = match index {
            _ if index < self.imported_funcs => index,
            _ if index == self.imported_funcs => return None,
            _ => index - 1,
        };
        (original < self.funcs).then_some(original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_to_the_operator_that_follows() {
        // Operators of the original are at 2, 4 and 300; the last two lengths
        // differ: one operator got shorter.
        let mut points = Points::default();
        points.add(10, 2, false);
        points.add(12, 4, false);
        points.add(400, 300, false);
        points.add(402, 306, false);
        // What stops the guest where it was before.
        points.add(408, 2, true);
        points.add(411, 2, false);
        points.add(413, 310, false);
        let mut map = OffsetMap::new(1, 3);
        map.add(5..420, 1000, &points);
        map.add(422..430, 2000, &Points::default());
        map.finish(100);

        let at = |offset: usize| map.offset(105 + offset);
        for (metered, original) in [
            (0, 2),
            (9, 2),
            (10, 2),
            (12, 4),
            (20, 12),
            (399, 300),
            (400, 300),
            (402, 306),
            (404, 308),
            (407, 311),
            (408, 2),
            (410, 2),
            (411, 2),
            (412, 3),
            (413, 310),
            (414, 311),
        ] {
            assert_eq!(at(metered), Some(1000 + original), "{metered}");
        }
        assert_eq!(at(415), None);
        assert_eq!(map.offset(104), None);
        assert_eq!(map.offset(522), None, "a body without operators");
    }

    #[test]
    fn what_follows_an_operator_is_not_where_the_function_begins() {
        // A function whose end leads back to its first operator.
        let mut points = Points::default();
        points.add(9, 1, false);
        points.add(18, 1, true);
        points.add(24, 1, false);
        points.add(26, 10, false);
        let mut map = OffsetMap::new(0, 1);
        map.add(0..28, 0, &points);
        let all: Vec<_> = [9, 10, 17, 18, 23, 24, 26].map(|at| map.offset(at)).into();
        let expected = [1, 2, 9, 1, 1, 1, 10].map(Some);
        assert_eq!(all, expected);
    }

    #[test]
    fn functions_of_the_pass_have_no_original() {
        let map = OffsetMap::new(1, 3);
        let all: Vec<_> = (0..6).map(|index| map.function(index)).collect();
        assert_eq!(all, [Some(0), None, Some(1), Some(2), None, None]);
    }
}
