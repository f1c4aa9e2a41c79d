use larder::cache_result;

#[cache_result(jitter = 1.5)]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
