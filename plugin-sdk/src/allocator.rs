//! The guest's allocator. An instance lives for one step, so it never frees: taking is an addition, and the memory
//! goes with the instance. It starts in the pages the module has from the beginning, because growing memory costs the
//! host more than the step itself.
#![expect(
    unsafe_code,
    reason = "a global allocator deals in raw memory; the arithmetic is safe and tested apart"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::UnsafeCell;
use std::ptr;

use crate::bump::Bump;

const PAGE: usize = 65_536;

unsafe extern "C" {
    /// Where the linker's own data ends.
    static __heap_base: u8;
}

struct Guest(UnsafeCell<Bump>);

// SAFETY: a plugin has one thread.
unsafe impl Sync for Guest {}

#[global_allocator]
static ALLOCATOR: Guest = Guest(UnsafeCell::new(Bump { top: 0, end: 0 }));

impl Guest {
    #[expect(clippy::mut_from_ref, reason = "one thread, and no call holds it across another")]
    fn bump(&self) -> &mut Bump {
        // SAFETY: a plugin has one thread, and each method takes it once.
        let bump = unsafe { &mut *self.0.get() };
        if bump.end == 0 {
            bump.top = ptr::addr_of!(__heap_base) as usize;
            bump.end = memory_size(0) * PAGE;
        }
        bump
    }
}

/// Has memory reach at least this far.
fn grow(top: usize) -> Option<usize> {
    let pages = top.div_ceil(PAGE) - memory_size(0);
    (memory_grow(0, pages) != usize::MAX).then(|| memory_size(0) * PAGE)
}

// SAFETY: what `Bump` hands out is inside the memory, aligned and never handed out twice at once.
unsafe impl GlobalAlloc for Guest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.bump().take(layout.size(), layout.align(), grow);
        start.map_or(ptr::null_mut(), |start| start as *mut u8)
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        self.bump().give_back(start as usize, layout.size());
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let resized = self.bump().resize(start as usize, layout.size(), new_size, grow);
        if resized.is_some() {
            return start;
        }
        // SAFETY: the caller guarantees that the new size, with the same alignment, is a layout.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(new_size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are live, at least that long, and apart.
            unsafe { ptr::copy_nonoverlapping(start, new, layout.size().min(new_size)) };
        }
        new
    }
}
