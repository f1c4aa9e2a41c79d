use larder::cache_result;

#[cache_result(ttl = "1m", refresh = "5m")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
