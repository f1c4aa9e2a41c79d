use larder::cache_method_result;

struct Blog;

#[cache_method_result]
impl Blog {
    fn post(id: u32) -> u32 {
        id
    }
}

fn main() {}
