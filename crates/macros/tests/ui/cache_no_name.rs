use larder::cache_result;

#[cache_result(cache = named("My Reports"))]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
