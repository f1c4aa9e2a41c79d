use larder::cache_method_result;

struct Blog;

impl Blog {
    #[cache_method_result(ttl = "1m")]
    fn post(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
