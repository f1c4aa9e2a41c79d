use larder::cache_method_result;

trait Posts {
    #[cache_method_result]
    fn post(id: u32) -> u32;
}

fn main() {}
