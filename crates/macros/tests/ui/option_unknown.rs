use larder::cache_result;

#[cache_result(tll = "5m")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
