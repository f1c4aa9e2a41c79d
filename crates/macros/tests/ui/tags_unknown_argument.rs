use larder::cache_result;

#[cache_result(tags("user:{uid}"))]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
