use larder::cache_result;

#[cache_result]
fn f(name: impl AsRef<str>) -> usize {
    name.as_ref().len()
}

fn main() {}
