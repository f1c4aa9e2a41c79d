use larder::cache_result;

#[cache_result(ttl = "5m", cache = "user", ttl = "6m")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
