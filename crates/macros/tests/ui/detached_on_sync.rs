use larder::cache_result;

#[cache_result(detached)]
fn f(x: u32) -> u32 {
    x
}

fn main() {
    f(1);
}
