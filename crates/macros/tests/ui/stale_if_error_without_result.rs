use larder::cache_result;

#[cache_result(stale_if_error = "1h")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
