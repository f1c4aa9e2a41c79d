use larder::cache_query;

#[cache_query(writes("users"), on = "ok")]
fn rename(id: u32) -> u32 {
    id
}

fn main() {}
