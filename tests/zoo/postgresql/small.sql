-- A little of everything, for databases with settings of their own.
CREATE TABLE public.little (id serial PRIMARY KEY, at timestamptz DEFAULT now(), d date, i interval, f float8, b bytea, t text);
INSERT INTO public.little (at, d, i, f, b, t) VALUES ('2020-02-29 12:00:00+01', '2020-12-31', '1 day 02:03:04', 0.1, '\x00ff', E'a\\b''c');
CREATE VIEW public.little_view AS SELECT id, t || E'\\' AS t FROM public.little WHERE t <> '\';
CREATE FUNCTION public.little_function() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN E'a\\b' || 'c\d'; END $$;
CREATE TABLE public.little_child (id int REFERENCES public.little);
INSERT INTO public.little_child VALUES (1);
ALTER TABLE public.little ENABLE ROW LEVEL SECURITY;
CREATE MATERIALIZED VIEW public.little_count AS SELECT count(*) FROM public.little;
