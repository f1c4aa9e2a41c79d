use larder::cache_result;

#[cache_result]
fn f(id: u32) -> impl Iterator<Item = u32> {
    0..id
}

fn main() {}
