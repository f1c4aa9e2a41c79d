use larder::cache_result;

#[cache_result(ttl = "5m")]
#[larder::cache_query(reads("urls"))]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
