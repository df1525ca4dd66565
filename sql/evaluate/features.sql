-- How much a shopper's history may say, and what it says of some products, before a moment.
SELECT personal_gate(%(client)s, %(session)s, %(as_of)s), f.product_id, f.popularity, f.taste, f.session_taste, f.attributes, f.repurchase
FROM personal_features(%(client)s, %(session)s, %(product_ids)s::bigint[], %(as_of)s) f
