"""Digital branch: Amaranth circuits of the golden steps, the cores built around them, and their formal specifications."""
