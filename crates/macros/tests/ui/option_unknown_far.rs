use larder::cache_result;

#[cache_result(colour = "red")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
