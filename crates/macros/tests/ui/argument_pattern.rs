use larder::cache_result;

#[cache_result]
fn f((x, y): (u32, u32)) -> u32 {
    x + y
}

fn main() {}
