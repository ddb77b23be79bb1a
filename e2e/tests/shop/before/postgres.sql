SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.categories (
    id text NOT NULL COLLATE pg_catalog."C",
    slug text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    parent_id text COLLATE pg_catalog."C"
);
CREATE TABLE public.changes (
    "position" bigint NOT NULL,
    transaction xid8 DEFAULT pg_current_xact_id() NOT NULL,
    step bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT changes_kind_check CHECK ((kind = ANY (ARRAY['product'::text, 'product deleted'::text, 'stock'::text, 'categories'::text])))
);
ALTER TABLE public.changes ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.changes_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.leases (
    name text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C",
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.media (
    id text NOT NULL COLLATE pg_catalog."C",
    content_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY public.media ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE public.outbox (
    "position" bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    aggregate_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    payload bytea NOT NULL
);
ALTER TABLE public.outbox ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.products (
    id text NOT NULL COLLATE pg_catalog."C",
    slug text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    category_id text COLLATE pg_catalog."C",
    currency text NOT NULL,
    content json NOT NULL,
    title_key text NOT NULL COLLATE pg_catalog."C",
    lowest_price bigint NOT NULL,
    words text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT products_status_check CHECK ((status = ANY (ARRAY['active'::text, 'draft'::text, 'archived'::text]))),
    CONSTRAINT products_version_check CHECK ((version > 0))
);
CREATE TABLE public.reservation_lines (
    reservation_id text NOT NULL COLLATE pg_catalog."C",
    variant_id text NOT NULL COLLATE pg_catalog."C",
    quantity integer NOT NULL,
    CONSTRAINT reservation_lines_quantity_check CHECK ((quantity > 0))
);
CREATE TABLE public.reservations (
    id text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    expires_at bigint NOT NULL,
    CONSTRAINT reservations_state_check CHECK ((state = ANY (ARRAY['held'::text, 'sold'::text, 'released'::text, 'expired'::text])))
);
CREATE TABLE public.sequences (
    aggregate_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL
)
WITH (fillfactor='80');
CREATE TABLE public.stock (
    variant_id text NOT NULL COLLATE pg_catalog."C",
    product_id text NOT NULL COLLATE pg_catalog."C",
    on_hand integer NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    removed boolean DEFAULT false NOT NULL,
    CONSTRAINT stock_check CHECK (((0 <= reserved) AND (reserved <= on_hand)))
);
CREATE TABLE public.stock_adjustments (
    variant_id text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL COLLATE pg_catalog."C",
    request_id text NOT NULL COLLATE pg_catalog."C",
    delta integer NOT NULL,
    reason text NOT NULL,
    refusal_code text,
    refusal text
);
CREATE TABLE public.stock_movements (
    "position" bigint NOT NULL,
    id text NOT NULL,
    variant_id text NOT NULL COLLATE pg_catalog."C",
    delta integer NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    order_id text,
    created_at bigint NOT NULL
);
ALTER TABLE public.stock_movements ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.stock_movements_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.variants (
    id text NOT NULL COLLATE pg_catalog."C",
    product_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    sku text,
    option_values json NOT NULL,
    price bigint NOT NULL,
    compare_at_price bigint,
    weight_grams integer,
    image json,
    CONSTRAINT variants_compare_at_price_check CHECK ((compare_at_price >= 0)),
    CONSTRAINT variants_price_check CHECK ((price >= 0)),
    CONSTRAINT variants_weight_grams_check CHECK ((weight_grams >= 0))
);
INSERT INTO public._sqlx_migrations VALUES
	(1, 'catalog', '2026-12-01 01:29:39.052703+00', true, '\x2822858cc3259fa3767838e7575118ab44faf2da6821a4627770e264a782c9261983b85524e555113902fc7b3c74c0f9', 374111726),
	(2, 'leases', '2026-12-01 01:29:39.434768+00', true, '\x3ec0bd20766f3ed11eb83e2da20d949b136583ceb3de6a748730633fb0b3af88c6ae4e9dd4d157b2f991ba9461b5b534', 8171677);
INSERT INTO public.changes OVERRIDING SYSTEM VALUE VALUES
	(1, '95346', 7329161928031329546, 'product', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:45.066768+00'),
	(2, '95350', 6452283097559560974, 'product', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:45.791598+00'),
	(3, '95353', -2564078516172022894, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:47.996925+00'),
	(4, '95357', -8481211076417546568, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:48.120682+00'),
	(5, '95359', -4496322119000857726, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:48.563662+00'),
	(6, '95359', -4496322119000857726, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:48.563662+00'),
	(7, '95362', -8232626579130297795, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:48.655411+00'),
	(8, '95362', -8232626579130297795, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:48.655411+00'),
	(9, '95364', 4356563229970624797, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:49.475853+00'),
	(10, '95364', 4356563229970624797, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:49.475853+00'),
	(11, '95366', 2836805675964097222, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:49.491163+00'),
	(12, '95366', 2836805675964097222, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:49.491163+00'),
	(13, '95370', 2610717846545971570, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:50.569388+00'),
	(14, '95370', 2610717846545971570, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:50.569388+00'),
	(15, '95373', 2154099104657266823, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:50.647647+00'),
	(16, '95373', 2154099104657266823, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:50.647647+00'),
	(17, '95376', 1369957453615263633, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:52.78383+00'),
	(18, '95376', 1369957453615263633, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:52.78383+00'),
	(19, '95380', 1839362870865198268, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:52.948066+00'),
	(20, '95380', 1839362870865198268, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:52.948066+00'),
	(21, '95382', 9168408263323885814, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:53.603986+00'),
	(22, '95382', 9168408263323885814, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:53.603986+00'),
	(23, '95385', -3191765371463444091, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:53.651354+00'),
	(24, '95385', -3191765371463444091, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:53.651354+00'),
	(25, '95387', -6967182011527298913, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:54.6469+00'),
	(26, '95387', -6967182011527298913, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:54.6469+00'),
	(27, '95391', 4453010747586481444, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:54.700339+00'),
	(28, '95391', 4453010747586481444, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:54.700339+00'),
	(29, '95395', -292269482603703877, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:56.298807+00'),
	(30, '95395', -292269482603703877, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:56.298807+00'),
	(31, '95399', -8272241360398240246, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:56.950522+00'),
	(32, '95399', -8272241360398240246, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:29:56.950522+00'),
	(33, '95402', 8666347456255813236, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:57.464635+00'),
	(34, '95406', -1877191070856933067, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:57.506513+00'),
	(35, '95409', -2214910735613765276, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:29:59.662519+00'),
	(36, '95414', 789823011904877357, 'stock', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', '2026-12-01 01:30:17.506408+00'),
	(37, '95414', 789823011904877357, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:30:17.506408+00'),
	(38, '95418', -4355216883658870034, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:30:21.450521+00'),
	(39, '95420', -7760023833917549915, 'stock', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', '2026-12-01 01:30:21.696671+00');
INSERT INTO public.leases VALUES
	('relay', 'relay_01M8QKJF7T5TGMEP7Z5CS3AW86', '2026-12-01 01:30:27.743136+00');
INSERT INTO public.products VALUES
	('prod_01M8QKHPVEFD6E8QX54XZW6YG5', 'lamp', 'active', NULL, 'EUR', '{"title":"Lamp","description":"","vendor":null,"product_type":null,"tags":[],"category_id":null,"options":[],"images":[],"seo_title":null,"seo_description":null}', 'lamp', 5000, 'lamp
lamp', 1796088585066885, 1796088585066885, 1),
	('prod_01M8QKHQK2PSHYGSX3ND7JQ09N', 'stoneware-mug', 'active', NULL, 'EUR', '{"title":"Stoneware mug","description":"","vendor":null,"product_type":null,"tags":[],"category_id":null,"options":[],"images":[],"seo_title":null,"seo_description":null}', 'stoneware mug', 1800, 'stoneware mug
stoneware-mug', 1796088585814945, 1796088585814945, 1);
INSERT INTO public.reservation_lines VALUES
	('order_2Z4NX7WWGMSQ43PHW8PCB72RGQ', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 2),
	('order_5838904AA30EBJ783EF3R1Y2R4', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_5838904AA30EBJ783EF3R1Y2R4', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1),
	('order_20AEPCDH702S7ZYMWP9M9AAT85', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_20AEPCDH702S7ZYMWP9M9AAT85', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1),
	('order_5M0D23JD4ZF4SE8Z79ACGX2KND', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_5M0D23JD4ZF4SE8Z79ACGX2KND', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1),
	('order_0F67BNX4X23E6NRED01S0C9J78', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_0F67BNX4X23E6NRED01S0C9J78', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1),
	('order_2JQNBPG9QHXRRHJCJNDXWER3FK', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_2JQNBPG9QHXRRHJCJNDXWER3FK', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1),
	('order_3FDDZZ00SSTF87A5GYSWKTKS3V', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_3FDDZZ00SSTF87A5GYSWKTKS3V', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1),
	('order_0BEGP1RG92CEQDSQPNSWCYWFGF', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_2G5WXY6RZD1ZH1J746Z80DTCA1', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1),
	('order_36XBQ02P3FX8CYGT1QNDHHQKXM', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 2),
	('order_36XBQ02P3FX8CYGT1QNDHHQKXM', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1),
	('order_0MT6WQR2RP04FS5TSNMBWWN1E3', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1);
INSERT INTO public.reservations VALUES
	('order_2Z4NX7WWGMSQ43PHW8PCB72RGQ', 'sold', 1796089487998106),
	('order_5838904AA30EBJ783EF3R1Y2R4', 'sold', 1796089488580052),
	('order_20AEPCDH702S7ZYMWP9M9AAT85', 'sold', 1796089489476185),
	('order_5M0D23JD4ZF4SE8Z79ACGX2KND', 'sold', 1796089490570315),
	('order_3FDDZZ00SSTF87A5GYSWKTKS3V', 'sold', 1796089494658975),
	('order_0F67BNX4X23E6NRED01S0C9J78', 'released', 1796089492791003),
	('order_2JQNBPG9QHXRRHJCJNDXWER3FK', 'released', 1796089493611454),
	('order_0BEGP1RG92CEQDSQPNSWCYWFGF', 'released', 1796089497464989),
	('order_2G5WXY6RZD1ZH1J746Z80DTCA1', 'held', 1796089499675063),
	('order_36XBQ02P3FX8CYGT1QNDHHQKXM', 'held', 1796089517506961),
	('order_0MT6WQR2RP04FS5TSNMBWWN1E3', 'sold', 1796089521498638);
INSERT INTO public.sequences VALUES
	('prod_01M8QKHPVEFD6E8QX54XZW6YG5', 14),
	('prod_01M8QKHQK2PSHYGSX3ND7JQ09N', 11);
INSERT INTO public.stock VALUES
	('var_01M8QKHPVEG3H2H1RGA8VJPPXK', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', 94, 3, false),
	('var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', 95, 1, false);
INSERT INTO public.stock_movements OVERRIDING SYSTEM VALUE VALUES
	(1, 'mov_01M8QKHPVZ5WZ25KFX855Q186H', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 100, 'initial', 'user_01M8QKHG9A222B2CMAVS9H73X2', NULL, 1796088585066885),
	(2, 'mov_01M8QKHQM7KKWGWQ6YMV90JFQZ', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 100, 'initial', 'user_01M8QKHG9A222B2CMAVS9H73X2', NULL, 1796088585814945),
	(3, 'mov_01M8QKHSTTPH5JEHJKB6JW491S', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', -2, 'sold', 'orders', 'order_2Z4NX7WWGMSQ43PHW8PCB72RGQ', 1796088588120788),
	(4, 'mov_01M8QKHTC2ZS5YST054NXET5QP', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', -1, 'sold', 'orders', 'order_5838904AA30EBJ783EF3R1Y2R4', 1796088588662651),
	(5, 'mov_01M8QKHTC2TR9GPBZF3KPX6EVY', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', -1, 'sold', 'orders', 'order_5838904AA30EBJ783EF3R1Y2R4', 1796088588662651),
	(6, 'mov_01M8QKHV5MZ28J7MVKW0TM372N', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', -1, 'sold', 'orders', 'order_20AEPCDH702S7ZYMWP9M9AAT85', 1796088589491238),
	(7, 'mov_01M8QKHV5MPFKYH7FXBPRHFSVS', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', -1, 'sold', 'orders', 'order_20AEPCDH702S7ZYMWP9M9AAT85', 1796088589491238),
	(8, 'mov_01M8QKHWB2J6Z2Q9T1D3CQT1JF', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', -1, 'sold', 'orders', 'order_5M0D23JD4ZF4SE8Z79ACGX2KND', 1796088590654639),
	(9, 'mov_01M8QKHWB2FYWGVSQ26WK03JWZ', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', -1, 'sold', 'orders', 'order_5M0D23JD4ZF4SE8Z79ACGX2KND', 1796088590654639),
	(10, 'mov_01M8QKHYJ3VQGNJCHKWTNPPCYJ', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', -1, 'sold', 'orders', 'order_0F67BNX4X23E6NRED01S0C9J78', 1796088592954693),
	(11, 'mov_01M8QKHYJ39G5F8GP66HFKT8H4', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', -1, 'sold', 'orders', 'order_0F67BNX4X23E6NRED01S0C9J78', 1796088592954693),
	(12, 'mov_01M8QKHZ7M5AWJ7B3M2FBFDR5Q', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', -1, 'sold', 'orders', 'order_2JQNBPG9QHXRRHJCJNDXWER3FK', 1796088593651429),
	(13, 'mov_01M8QKHZ7MGRCX4AWJMN4DDF4M', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', -1, 'sold', 'orders', 'order_2JQNBPG9QHXRRHJCJNDXWER3FK', 1796088593651429),
	(14, 'mov_01M8QKJ08JBAE7M73EX9TFSPGM', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', -1, 'sold', 'orders', 'order_3FDDZZ00SSTF87A5GYSWKTKS3V', 1796088594700944),
	(15, 'mov_01M8QKJ08JPZJ6N6CE37NX13C3', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', -1, 'sold', 'orders', 'order_3FDDZZ00SSTF87A5GYSWKTKS3V', 1796088594700944),
	(16, 'mov_01M8QKJ1TT98C2F532J2QQ832N', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1, 'refunded', 'orders', 'order_0F67BNX4X23E6NRED01S0C9J78', 1796088596299094),
	(17, 'mov_01M8QKJ1TTB6E09SW110AE9BVK', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1, 'refunded', 'orders', 'order_0F67BNX4X23E6NRED01S0C9J78', 1796088596299094),
	(18, 'mov_01M8QKJ2G7ZPYJK439P90B2DEK', 'var_01M8QKHPVEG3H2H1RGA8VJPPXK', 1, 'canceled', 'orders', 'order_2JQNBPG9QHXRRHJCJNDXWER3FK', 1796088596970717),
	(19, 'mov_01M8QKJ2G7QA7TCN4T1XVMHPXV', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 1, 'canceled', 'orders', 'order_2JQNBPG9QHXRRHJCJNDXWER3FK', 1796088596970717),
	(20, 'mov_01M8QKJTMZRKDVYRHSX2QGV61V', 'var_01M8QKHQK2FRDGQD6FZ0B24Y6H', -1, 'sold', 'orders', 'order_0MT6WQR2RP04FS5TSNMBWWN1E3', 1796088621697220);
INSERT INTO public.variants VALUES
	('var_01M8QKHPVEG3H2H1RGA8VJPPXK', 'prod_01M8QKHPVEFD6E8QX54XZW6YG5', 0, NULL, '[]', 5000, NULL, NULL, NULL),
	('var_01M8QKHQK2FRDGQD6FZ0B24Y6H', 'prod_01M8QKHQK2PSHYGSX3ND7JQ09N', 0, NULL, '[]', 1800, NULL, NULL, NULL);
SELECT pg_catalog.setval('public.changes_position_seq', 39, true);
SELECT pg_catalog.setval('public.outbox_position_seq', 25, true);
SELECT pg_catalog.setval('public.stock_movements_position_seq', 20, true);
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT media_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_aggregate_id_sequence_key UNIQUE (aggregate_id, sequence);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_id_key UNIQUE (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.reservation_lines
    ADD CONSTRAINT reservation_lines_pkey PRIMARY KEY (reservation_id, variant_id);
ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT reservations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sequences
    ADD CONSTRAINT sequences_pkey PRIMARY KEY (aggregate_id);
ALTER TABLE ONLY public.stock_adjustments
    ADD CONSTRAINT stock_adjustments_pkey PRIMARY KEY (variant_id, actor, request_id);
ALTER TABLE ONLY public.stock_movements
    ADD CONSTRAINT stock_movements_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.stock
    ADD CONSTRAINT stock_pkey PRIMARY KEY (variant_id);
ALTER TABLE ONLY public.variants
    ADD CONSTRAINT variants_pkey PRIMARY KEY (id);
CREATE INDEX changes_transaction ON public.changes USING btree (transaction);
CREATE INDEX products_all_newest ON public.products USING btree (created_at, id);
CREATE INDEX products_category ON public.products USING btree (category_id, status);
CREATE INDEX products_newest ON public.products USING btree (status, created_at, id);
CREATE INDEX products_price ON public.products USING btree (status, lowest_price, id);
CREATE INDEX products_title ON public.products USING btree (status, title_key, id);
CREATE INDEX reservations_held ON public.reservations USING btree (expires_at) WHERE (state = 'held'::text);
CREATE INDEX stock_available ON public.stock USING btree (((on_hand - reserved)), variant_id) WHERE (NOT removed);
CREATE INDEX stock_movements_variant ON public.stock_movements USING btree (variant_id, "position");
CREATE INDEX variants_product ON public.variants USING btree (product_id, "position");
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.categories(id);
ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_category_id_fkey FOREIGN KEY (category_id) REFERENCES public.categories(id);
ALTER TABLE ONLY public.reservation_lines
    ADD CONSTRAINT reservation_lines_reservation_id_fkey FOREIGN KEY (reservation_id) REFERENCES public.reservations(id);
ALTER TABLE ONLY public.reservation_lines
    ADD CONSTRAINT reservation_lines_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES public.stock(variant_id);
ALTER TABLE ONLY public.stock_movements
    ADD CONSTRAINT stock_movements_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES public.stock(variant_id);
ALTER TABLE ONLY public.variants
    ADD CONSTRAINT variants_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(id) ON DELETE CASCADE;
