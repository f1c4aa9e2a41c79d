use larder::{cache_query, cache_result};

#[cache_result(companions = "users_cache")]
fn users(id: u32) -> u32 {
    id
}

#[cache_result(companions = true)]
fn names(id: u32) -> u32 {
    id
}

#[cache_query(writes("users"), companions = users_cache)]
fn rename(id: u32) -> u32 {
    id
}

fn main() {}
