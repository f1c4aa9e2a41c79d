use larder::cache_query;

#[cache_query]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
