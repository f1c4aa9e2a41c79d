use larder::cache_method_result;

struct Blog;

impl Blog {
    #[cache_method_result(self_key = self.id)]
    fn post(id: u32) -> u32 {
        id
    }
}

fn main() {}
