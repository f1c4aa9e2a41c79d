use larder::cache_result;

#[cache_result(crate = "larder")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
