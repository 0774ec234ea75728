//! The heap of one VM: counts, refuses beyond the limit, and frees whatever is left when the VM is gone.
//!
//! QuickJS keeps small objects in arenas of its own, so what comes through here is arenas and large blocks. Blocks
//! are kept in a list: a VM that was torn down after running out of memory may have lost track of some.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use rquickjs::allocator::Allocator;

/// What the owner of a VM can see of its heap.
#[derive(Debug, Default)]
pub struct HeapState {
    used: Cell<usize>,
    limit: Cell<usize>,
    refused: Cell<bool>,
}

impl HeapState {
    /// A heap that may grow to `limit` bytes.
    pub fn with_limit(limit: usize) -> Rc<Self> {
        Rc::new(Self { used: Cell::new(0), limit: Cell::new(limit), refused: Cell::new(false) })
    }

    /// Whether a block was ever refused. QuickJS may show that to the script as a thrown `null`.
    pub fn refused(&self) -> bool {
        self.refused.get()
    }

    /// Bytes in use.
    #[cfg(test)]
    pub fn used(&self) -> usize {
        self.used.get()
    }

    fn take(&self, bytes: usize) -> bool {
        let used = self.used.get().saturating_add(bytes);
        if used > self.limit.get() {
            self.refused.set(true);
            return false;
        }
        self.used.set(used);
        true
    }

    fn give(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }
}

/// Stands before every block. 32 bytes, so that the block stays aligned to 16.
#[repr(C, align(16))]
struct Header {
    previous: *mut Header,
    next: *mut Header,
    /// Of the block, without the header.
    size: usize,
}

const HEADER: usize = size_of::<Header>();
const ALIGN: usize = align_of::<Header>();

/// The allocator of one VM. Lives as long as its QuickJS runtime.
pub struct Heap {
    state: Rc<HeapState>,
    /// The newest block.
    head: *mut Header,
}

impl Heap {
    /// An empty heap that reports to `state`.
    pub fn new(state: Rc<HeapState>) -> Self {
        Self { state, head: ptr::null_mut() }
    }

    fn layout(size: usize) -> Option<Layout> {
        Layout::from_size_align(size.checked_add(HEADER)?, ALIGN).ok()
    }

    fn allocate(&mut self, size: usize, raw: unsafe fn(Layout) -> *mut u8) -> *mut u8 {
        let Some(layout) = Self::layout(size) else { return ptr::null_mut() };
        if !self.state.take(layout.size()) {
            return ptr::null_mut();
        }
        // SAFETY: the layout has at least the header's size.
        let Some(block) = NonNull::new(unsafe { raw(layout) }) else {
            self.state.give(layout.size());
            return ptr::null_mut();
        };
        let header = block.cast::<Header>().as_ptr();
        // SAFETY: the block is fresh, large enough and aligned for a header.
        unsafe { header.write(Header { previous: ptr::null_mut(), next: self.head, size }) };
        self.link(header);
        // SAFETY: the block is larger than the header.
        unsafe { header.cast::<u8>().add(HEADER) }
    }

    /// Points the neighbours of a block at it.
    fn link(&mut self, header: *mut Header) {
        // SAFETY: `header` and its neighbours are live blocks of this heap.
        unsafe {
            match NonNull::new((*header).previous) {
                Some(previous) => (*previous.as_ptr()).next = header,
                None => self.head = header,
            }
            if let Some(next) = NonNull::new((*header).next) {
                (*next.as_ptr()).previous = header;
            }
        }
    }

    fn unlink(&mut self, header: *mut Header) {
        // SAFETY: `header` and its neighbours are live blocks of this heap.
        unsafe {
            let Header { previous, next, .. } = *header;
            match NonNull::new(previous) {
                Some(previous) => (*previous.as_ptr()).next = next,
                None => self.head = next,
            }
            if let Some(next) = NonNull::new(next) {
                (*next.as_ptr()).previous = previous;
            }
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let mut block = self.head;
        while let Some(header) = NonNull::new(block) {
            // SAFETY: the list holds exactly the live blocks; nothing uses them after the runtime is gone.
            unsafe {
                let Header { next, size, .. } = header.as_ptr().read();
                dealloc(header.as_ptr().cast(), Layout::from_size_align_unchecked(size + HEADER, ALIGN));
                block = next;
            }
        }
    }
}

// SAFETY: blocks are aligned to 16, at least `size` bytes long, and only ever freed or grown by this heap.
unsafe impl Allocator for Heap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        self.allocate(size, alloc)
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        match count.checked_mul(size) {
            Some(0) | None => ptr::null_mut(),
            Some(total) => self.allocate(total, alloc_zeroed),
        }
    }

    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the caller hands back a block of this heap, which has its header before it.
        unsafe {
            let header = block.sub(HEADER).cast::<Header>();
            self.unlink(header);
            let size = (*header).size + HEADER;
            self.state.give(size);
            dealloc(header.cast(), Layout::from_size_align_unchecked(size, ALIGN));
        }
    }

    unsafe fn realloc(&mut self, block: *mut u8, new_size: usize) -> *mut u8 {
        if block.is_null() {
            return self.alloc(new_size);
        }
        let Some(new_layout) = Self::layout(new_size) else { return ptr::null_mut() };
        // SAFETY: as in `dealloc`; the old layout is the one the block was made with.
        unsafe {
            let header = block.sub(HEADER).cast::<Header>();
            let old = (*header).size + HEADER;
            if new_layout.size() > old && !self.state.take(new_layout.size() - old) {
                return ptr::null_mut();
            }
            self.unlink(header);
            let moved =
                realloc(header.cast(), Layout::from_size_align_unchecked(old, ALIGN), new_layout.size())
                    .cast::<Header>();
            if moved.is_null() {
                self.link(header);
                self.state.give(new_layout.size().saturating_sub(old));
                return ptr::null_mut();
            }
            if new_layout.size() < old {
                self.state.give(old - new_layout.size());
            }
            (*moved).size = new_size;
            self.link(moved);
            moved.cast::<u8>().add(HEADER)
        }
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: the caller hands over a block of this heap, which has its header before it.
        unsafe { (*block.sub(HEADER).cast::<Header>()).size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_refuses_and_frees_what_is_left() {
        let state = HeapState::with_limit(4096);
        let mut heap = Heap::new(state.clone());
        let a = heap.alloc(100);
        let b = heap.calloc(10, 10);
        assert!(!a.is_null() && !b.is_null());
        assert_eq!(state.used(), 200 + 2 * HEADER);
        // SAFETY: blocks of this heap, used within their size.
        unsafe {
            assert_eq!(*b.add(99), 0);
            a.write_bytes(7, 100);
            let a = heap.realloc(a, 1000);
            assert_eq!(*a.add(99), 7);
            assert_eq!(Heap::usable_size(a), 1000);
            assert_eq!(state.used(), 1100 + 2 * HEADER);
            assert!(!state.refused());
            assert!(heap.realloc(a, 5000).is_null());
            assert!(state.refused());
            assert_eq!(*a.add(99), 7);
            heap.dealloc(b);
            assert_eq!(state.used(), 1000 + HEADER);
            let c = heap.alloc(1);
            heap.dealloc(a);
            heap.dealloc(c);
        }
        assert_eq!(state.used(), 0);
        assert!(heap.head.is_null());
        heap.alloc(64);
        drop(heap);
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let mut heap = Heap::new(HeapState::with_limit(usize::MAX));
        assert!(heap.calloc(usize::MAX, 2).is_null());
        assert!(heap.alloc(usize::MAX).is_null());
    }
}
