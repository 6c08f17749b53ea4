//! An adapter as a plugin: what [`crate::export_adapter!`] makes of it.
//!
//! The functions of `wit/processor.wit` take and give one text each, so the Component Model's canonical ABI
//! comes down to a pointer with a length in and out. Written here once, it needs no generated bindings, and a
//! plugin builds in the time of its own code.
//!
//! Invariant: an instance serves one run and is thrown away, so nothing that the host reads is ever freed.

use std::alloc::{Layout, alloc, handle_alloc_error};

use crate::{Adapter, Ask, CONTRACT_VERSION, Fault, Reply, run};

/// Makes a plugin of an adapter: `processor_sdk::export_adapter!(Acme);`, once, in a crate of type `cdylib`.
///
/// On every other target than WebAssembly it does nothing, so that the same crate has ordinary tests.
#[macro_export]
macro_rules! export_adapter {
    ($adapter:expr) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(export_name = "describe")]
            extern "C" fn describe() -> *const $crate::plugin::Text {
                $crate::plugin::describe(&$adapter)
            }

            #[unsafe(export_name = "run")]
            extern "C" fn run(start: *mut u8, length: usize) -> *const $crate::plugin::Text {
                // SAFETY: The host gives what it allocated by `cabi_realloc` and filled.
                unsafe { $crate::plugin::run_text(&$adapter, start, length) }
            }

            #[unsafe(export_name = "cabi_realloc")]
            extern "C" fn realloc(old: *mut u8, old_length: usize, align: usize, length: usize) -> *mut u8 {
                // SAFETY: As the canonical ABI says.
                unsafe { $crate::plugin::realloc(old, old_length, align, length) }
            }
        };
    };
}

/// A text in the guest's memory, as the canonical ABI returns it.
#[repr(C)]
#[derive(Debug)]
pub struct Text {
    start: *const u8,
    length: usize,
}

impl Text {
    fn leaked(text: String) -> *const Self {
        let text: &'static str = text.leak();
        Box::leak(Box::new(Self { start: text.as_ptr(), length: text.len() }))
    }
}

/// The adapter's descriptor, for the host.
#[must_use]
pub fn describe(adapter: &dyn Adapter) -> *const Text {
    log_panics();
    Text::leaked(serde_json::to_string(&adapter.descriptor()).unwrap_or_default())
}

/// One run of the adapter's function, for the host.
///
/// # Safety
/// `start` and `length` are memory of this instance that [`realloc`] gave and nobody else uses.
#[must_use]
#[expect(unsafe_code, reason = "the canonical ABI passes a pointer and a length")]
pub unsafe fn run_text(adapter: &dyn Adapter, start: *mut u8, length: usize) -> *const Text {
    log_panics();
    let ask: &[u8] = if length == 0 {
        &[]
    } else {
        // SAFETY: The caller's promise.
        unsafe { std::slice::from_raw_parts(start, length) }
    };
    Text::leaked(reply(adapter, ask))
}

/// The reply to an ask, both as JSON.
#[must_use]
pub fn reply(adapter: &dyn Adapter, ask: &[u8]) -> String {
    let reply = match serde_json::from_slice::<Ask>(ask) {
        Ok(ask) if ask.contract == CONTRACT_VERSION => run(adapter, &ask),
        Ok(_) => Reply::Fault(Fault::cannot_ask("contract", "is a version that this plugin does not speak")),
        // The host's own mistake, or that of a newer contract; it never repeats what was asked.
        Err(error) => Reply::Fault(Fault::Unreadable {
            what: format!("the ask, at line {} column {}", error.line(), error.column()),
        }),
    };
    serde_json::to_string(&reply).unwrap_or_default()
}

/// Memory for the host to write to.
///
/// # Safety
/// `old` is null, or memory that this function gave with the same `align` and length `old_length`.
#[must_use]
#[expect(unsafe_code, reason = "the canonical ABI's allocator")]
pub unsafe fn realloc(old: *mut u8, old_length: usize, align: usize, length: usize) -> *mut u8 {
    if length == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    let Ok(layout) = Layout::from_size_align(length, align) else {
        handle_alloc_error(Layout::new::<u8>());
    };
    // SAFETY: The layout is not empty; what is copied lies within both.
    unsafe {
        let new = alloc(layout);
        if new.is_null() {
            handle_alloc_error(layout);
        }
        if !old.is_null() {
            std::ptr::copy_nonoverlapping(old, new, old_length.min(length));
        }
        new
    }
}

/// A panic ends the instance and takes its message with it; said to the host first, the operator sees it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| log(&panic.to_string())));
}

/// Says one line to the operator's log. On targets other than WebAssembly it is lost.
#[cfg_attr(target_arch = "wasm32", expect(unsafe_code, reason = "an import of the host"))]
pub fn log(line: &str) {
    #[cfg(target_arch = "wasm32")]
    {
        #[link(wasm_import_module = "$root")]
        unsafe extern "C" {
            #[link_name = "log"]
            fn host_log(start: *const u8, length: usize);
        }
        // SAFETY: The host only reads the text, before this returns.
        unsafe { host_log(line.as_ptr(), line.len()) }
    }
    #[cfg(not(target_arch = "wasm32"))]
    let _ = line;
}
