use larder::cache_result;

#[cache_result]
extern "C" fn f(id: u32) -> u32 {
    id
}

fn main() {}
