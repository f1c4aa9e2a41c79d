use larder::cache_result;

#[cache_result]
fn f(names: &[&str]) -> usize {
    names.len()
}

fn main() {}
