use larder::cache_result;

#[cache_result(cache = "sesion")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
