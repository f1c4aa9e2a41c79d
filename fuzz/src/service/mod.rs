//! Requests and responses through `larder-http`'s layer, beside a model of what may be a hit.
//!
//! One thread has several requests under way: it starts them, answers those that have reached the
//! handler, reads bodies frame by frame, goes away in the middle, invalidates, and lets time pass.

mod ask;
mod check;
mod give;
mod origin;
mod world;

use arbitrary::Unstructured;

use world::World;

/// More steps than inputs of the usual length have.
const STEPS: usize = 200;

/// Runs the steps that `data` stands for.
///
/// # Panics
///
/// A response is not what the model allows.
pub fn run(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let mut world = World::new();
    for _ in 0..STEPS {
        if choices.is_empty() {
            break;
        }
        // Only an empty input has no choice.
        if world.step(&mut choices).is_err() {
            break;
        }
    }
    world.end();
}
