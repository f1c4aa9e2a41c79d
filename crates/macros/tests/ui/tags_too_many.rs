use larder::cache_result;

#[cache_result(tags("1", "2", "3", "4", "5", "6", "7", "8", "9"))]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
