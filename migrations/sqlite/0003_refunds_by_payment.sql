-- A payment's refunds are listed, and added up each time one is made.
CREATE INDEX refunds_by_payment ON refunds (payment_id, id);
