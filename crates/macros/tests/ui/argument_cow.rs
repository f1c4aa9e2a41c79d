use larder::cache_result;
use std::borrow::Cow;

#[cache_result]
fn f(name: Cow<'_, str>) -> usize {
    name.len()
}

fn main() {}
