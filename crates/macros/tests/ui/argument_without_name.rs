use larder::cache_result;

#[cache_result]
fn f(_: u32) -> u32 {
    7
}

fn main() {}
