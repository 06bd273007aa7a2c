namespace example {

const char* bundled_weights() noexcept;
const char* bundled_weights() noexcept { return HRM_WEIGHTS; }

}  // namespace example
