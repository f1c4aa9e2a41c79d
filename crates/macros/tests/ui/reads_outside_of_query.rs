use larder::cache_result;

#[cache_result(reads("urls"))]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
