use larder::cache_query;

#[cache_query(writes("urls"), ttl = "1m")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
