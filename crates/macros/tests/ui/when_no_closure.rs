use larder::cache_result;

#[cache_result(when = is_large)]
fn f(id: u32) -> u32 {
    id
}

fn is_large(id: &u32) -> bool {
    *id > 1_000
}

fn main() {}
