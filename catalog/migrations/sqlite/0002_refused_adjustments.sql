-- An adjustment that was refused is refused again under the same key: the code and the sentence it was told.
ALTER TABLE stock_adjustments ADD COLUMN refusal_code TEXT;
ALTER TABLE stock_adjustments ADD COLUMN refusal TEXT;
