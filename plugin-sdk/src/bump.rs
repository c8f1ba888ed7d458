//! The arithmetic of the guest's allocator: where the next bytes are. It touches no memory itself.

/// A region that is used up from its start. Only what was taken last can be given back.
#[derive(Debug)]
pub(crate) struct Bump {
    /// The first free byte.
    pub(crate) top: usize,
    /// The first byte that isn't there.
    pub(crate) end: usize,
}

impl Bump {
    /// Takes bytes; `grow` is asked for a higher end, at least the one given.
    pub(crate) fn take(
        &mut self,
        size: usize,
        align: usize,
        grow: impl FnOnce(usize) -> Option<usize>,
    ) -> Option<usize> {
        let start = self.top.checked_next_multiple_of(align)?;
        let top = start.checked_add(size)?;
        self.reach(top, grow)?;
        self.top = top;
        Some(start)
    }

    /// Gives bytes back where they are the last taken.
    pub(crate) fn give_back(&mut self, start: usize, size: usize) {
        if start + size == self.top {
            self.top = start;
        }
    }

    /// Changes the size of what was taken last. Nothing where it wasn't, or there is no room.
    pub(crate) fn resize(
        &mut self,
        start: usize,
        size: usize,
        new_size: usize,
        grow: impl FnOnce(usize) -> Option<usize>,
    ) -> Option<usize> {
        if start + size != self.top {
            return (new_size <= size).then_some(start);
        }
        let top = start.checked_add(new_size)?;
        self.reach(top, grow)?;
        self.top = top;
        Some(start)
    }

    fn reach(&mut self, top: usize, grow: impl FnOnce(usize) -> Option<usize>) -> Option<()> {
        if top > self.end {
            self.end = grow(top).filter(|end| *end >= top)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Operation {
        Take(usize, u32),
        GiveBack(prop::sample::Index),
        Resize(prop::sample::Index, usize),
    }

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let operation = prop_oneof![
            (0_usize..300, 0_u32..5).prop_map(|(size, align)| Operation::Take(size, align)),
            any::<prop::sample::Index>().prop_map(Operation::GiveBack),
            (any::<prop::sample::Index>(), 1_usize..300).prop_map(|(i, size)| Operation::Resize(i, size)),
        ];
        prop::collection::vec(operation, 0..60)
    }

    proptest! {
        #[test]
        fn what_is_taken_never_overlaps(operations in operations()) {
            let mut bump = Bump { top: 1000, end: 2000 };
            let grow = |top: usize| (top <= 6000).then_some(top.next_multiple_of(512));
            let mut live: Vec<(usize, usize)> = Vec::new();
            for operation in operations {
                match operation {
                    Operation::Take(size, align) => {
                        if let Some(start) = bump.take(size, 1 << align, grow) {
                            prop_assert_eq!(start % (1 << align), 0);
                            live.push((start, size));
                        }
                    }
                    Operation::GiveBack(index) if !live.is_empty() => {
                        let (start, size) = live.remove(index.index(live.len()));
                        bump.give_back(start, size);
                    }
                    Operation::Resize(index, new_size) if !live.is_empty() => {
                        let index = index.index(live.len());
                        let (start, size) = live[index];
                        if bump.resize(start, size, new_size, grow).is_some() {
                            live[index] = (start, new_size);
                        }
                    }
                    _ => {}
                }
                prop_assert!(bump.top <= bump.end);
                for (i, a) in live.iter().enumerate() {
                    prop_assert!(a.0 >= 1000 && a.0 + a.1 <= bump.end);
                    for b in &live[i + 1..] {
                        prop_assert!(a.0 + a.1 <= b.0 || b.0 + b.1 <= a.0 || a.1 == 0 || b.1 == 0);
                    }
                }
            }
        }
    }

    #[test]
    fn sizes_that_can_not_be_are_refused() {
        let mut bump = Bump { top: 8, end: 16 };
        assert_eq!(bump.take(usize::MAX, 1, |_| None), None);
        assert_eq!(bump.take(9, 1, |_| None), None);
        assert_eq!(bump.take(8, 1, |_| None), Some(8));
        assert_eq!(bump.resize(8, 8, usize::MAX, |_| None), None);
    }
}
