use larder::cache_result;

#[cache_result(keep_none)]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
