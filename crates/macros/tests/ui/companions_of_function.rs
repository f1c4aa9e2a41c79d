#[larder::cache_result(companions = false)]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
