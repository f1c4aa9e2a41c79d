use larder::cache_result;

#[cache_result(version = -2)]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
