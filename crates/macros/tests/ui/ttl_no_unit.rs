use larder::cache_result;

#[cache_result(ttl = 300)]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
