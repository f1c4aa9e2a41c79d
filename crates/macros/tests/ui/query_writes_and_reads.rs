use larder::cache_query;

#[cache_query(writes("urls"), reads("clicks"))]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
