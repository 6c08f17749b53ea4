//! A core module becomes a component: the world's description is put into it and its canonical form made, by
//! the same library that the usual tools use, so that an author needs none of them.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The world of a plugin, as the SDK has it.
const WORLD: &str = include_str!("../../../../processor-sdk/wit/processor.wit");
/// Its name there.
const WORLD_NAME: &str = "processor";

/// Makes a plugin of what the compiler made.
///
/// # Errors
/// Why it cannot be one, in one sentence.
pub(super) fn of_core_module(mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    let wrong = |error: &dyn std::fmt::Display| {
        format!(
            "what was compiled is not a plugin: {error}; a plugin is made with `export_adapter!` of \
             processor-sdk and uses no crate that needs a clock, randomness, files or the network"
        )
    };
    let mut resolve = Resolve::default();
    let package = resolve.push_source("processor.wit", WORLD).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some(WORLD_NAME)).map_err(|error| format!("{error:#}"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| wrong(&format!("{error:#}")))?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| wrong(&format!("{error:#}")))
}
