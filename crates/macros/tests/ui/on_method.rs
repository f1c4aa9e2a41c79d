use larder::cache_result;

struct Blog;

impl Blog {
    #[cache_result]
    fn post(&self, id: u32) -> u32 {
        id
    }
}

fn main() {}
