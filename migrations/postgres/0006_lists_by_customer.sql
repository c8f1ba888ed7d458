-- Payments are listed of a customer or a subscription, customers of a user.
CREATE INDEX payments_by_customer ON payments (tenant_id, customer_id, id);
CREATE INDEX payments_by_subscription ON payments (tenant_id, subscription_id, id);
CREATE INDEX customers_by_user ON customers (tenant_id, user_id, id) WHERE user_id IS NOT NULL;
